"""What people do with journeys: launch, pause, stop, move those inside; and how they go."""
