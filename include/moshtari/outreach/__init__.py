"""Outreach: the published lists as files that people and tools open."""
