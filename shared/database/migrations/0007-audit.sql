-- Who has changed what, written by the transaction that changed it, and who was not allowed to.
create table audit (
  id uuid primary key default uuidv7(),
  at timestamptz not null default now(),
  -- Null when that could not be known.
  actor text,
  address inet,
  route text not null,
  subjects text[] not null,
  status smallint not null,
  request_id text not null,
  trace text not null
);
create index audit_at on audit (at, id);
create index audit_actor on audit (actor, at, id);
create index audit_subjects on audit using gin (subjects);

-- However it is asked, and by whatever bug: what is in the audit stays as it is, for 30 days at the least.
create function keep_audit() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and old.at < now() - interval '30 days' then
    return old;
  end if;
  raise exception 'the audit takes new rows only, and forgets none before 30 days have passed'
    using errcode = 'insufficient_privilege';
end $$;
create trigger audit_row_stays before update or delete on audit
  for each row execute function keep_audit();
create trigger audit_stays before truncate on audit
  for each statement execute function keep_audit();
