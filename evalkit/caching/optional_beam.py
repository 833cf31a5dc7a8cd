"""Apache Beam, or the error that says how to get it. Whoever imports this needs Beam."""

from __future__ import annotations

from evalkit.errors import missing_extra

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions as PipelineOptions
except ImportError as error:
    raise missing_extra("apache-beam", "cache", "Offline caching") from error

__all__ = ["PipelineOptions", "beam"]
