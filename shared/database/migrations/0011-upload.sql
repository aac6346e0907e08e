-- An upload that may go on when its line has broken is known by the key of its request; `fingerprint` is that of what was asked.
alter table agent
  add column caller text,
  add column key text,
  add column fingerprint bytea,
  add check (num_nonnulls(caller, key, fingerprint) in (0, 3));
create index agent_key on agent (key, caller) where key is not null;
