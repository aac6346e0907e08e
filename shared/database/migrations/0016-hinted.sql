-- A step was woken for the run while another held it: whoever holds it looks once more.
alter table run add column hinted boolean not null default false;
