"""What a model writes, taken apart as it comes: thoughts, words for the user, and calls of tools."""
