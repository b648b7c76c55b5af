-- object: public.my_notes
-- leak: no
-- context: guc
-- tenant: text
-- expect: row: canary-a
-- never: canary-b

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on notes to @app@;
create view my_notes with (security_barrier) as select body from notes where tenant_id = nullif(current_setting('app.tenant_id', true), '');
grant select on my_notes to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0001 as $$ begin raise notice 'row: %', t; return true; end $$;
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select * from my_notes where pg_temp.tell(body);
rollback;
