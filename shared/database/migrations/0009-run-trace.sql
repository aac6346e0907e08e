-- The trace in which a run was made, or tried again, for those who serve it when no event of that trace wakes them: W3C's traceparent.
-- Null where traces are not recorded.
alter table run add column traceparent text;
