-- However the tags of data are changed, and by whatever bug: it is known when. Who did it, the audit says by the same time.
create function stamp_tags() returns trigger language plpgsql as $$
begin
  new.tagged_at := now();
  return new;
end $$;
create trigger data_tagged before update of tags on data
  for each row execute function stamp_tags();
