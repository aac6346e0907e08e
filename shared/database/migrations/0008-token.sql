-- Tokens to sign in with. Of the secret there is only the sha256; a name is given once, as the audit tells who somebody was by it.
create table token (
  name text primary key,
  hash bytea not null unique check (octet_length(hash) = 32),
  role text not null check (role in ('viewer', 'user', 'admin')),
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_by text,
  revoked_at timestamptz,
  check (num_nonnulls(revoked_by, revoked_at) in (0, 2))
);
