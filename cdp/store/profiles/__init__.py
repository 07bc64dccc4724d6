"""Who is who and what is known of them: the graph, traits, objects, who is suppressed."""
