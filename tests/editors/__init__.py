"""What an editor shows over generated modules."""
