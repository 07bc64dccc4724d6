"""Who may do what here, and how profiles are kept."""
