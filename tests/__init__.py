"""Tests of leosplit."""
