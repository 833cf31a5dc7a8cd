"""seqio's module `task_registry_provenance_tracking`: the call stacks of registrations, once it is turned on."""

from types import FrameType

from evalkit.data.provenance import RegistrationLog, user_call_sites

_log = RegistrationLog()

Frame = FrameType
turn_on_tracking = _log.start
registration_provenance_tracking_is_on = _log.is_on
maybe_record_provenance = _log.record
view_provenances = _log.by_name
informative_upstream_callsites_from_frame = user_call_sites
