-- A program that ends with its local home is begun again, however often: that is not counted.
-- serves from 0002-run.sql
alter table attempt
  drop constraint attempt_cause_check,
  add constraint attempt_cause_check check (cause in ('program', 'machine', 'plan', 'user', 'home'));
