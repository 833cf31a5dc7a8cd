"""Where raw examples come from; `source` has the interface, one file a format beside it."""

from evalkit.data.sources.source import DataSource as DataSource
