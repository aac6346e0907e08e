-- Volumes that have been deleted, for as long as somebody who is late may make one of them again. Only of these one is deleted that is
-- found: a database that knows nothing of a volume, such as an empty one or one of a backup, is no reason to delete anything.
create table removed_volume (
  volume text primary key,
  removed_at timestamptz not null default now()
);
create index removed_volume_removed_at on removed_volume (removed_at);
