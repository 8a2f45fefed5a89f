"""What is measured, a file a phase."""
