"""The parts of `RestTrackingStore`, by what they are about, as those of the SQL store."""
