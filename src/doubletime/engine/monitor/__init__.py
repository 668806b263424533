"""What the engine does, for whoever asks: why requests wait, how fast it goes, what its memory holds."""
