-- In which order calls of after-hooks were recorded: clocks, and ids made of them, may go back.
alter table hook_delivery add column recorded bigint generated always as identity;
