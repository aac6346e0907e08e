-- Requests that changed something and had a key, with what they were answered: asked again, they are answered so again.
create table request (
  caller text not null,
  key text not null,
  -- sha256 of what was asked, so that a key is not used for something else.
  fingerprint bytea not null,
  -- As text would be, in the order of its keys; null for an empty answer.
  answer json,
  created_at timestamptz not null default now(),
  primary key (caller, key)
);
create index request_created_at on request (created_at);
