"""The same random models through this engine and its peers, side by side on one machine."""
