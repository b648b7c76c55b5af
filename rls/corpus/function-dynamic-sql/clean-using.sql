-- object: public.find(text)
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(0 rows\)

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
create function find(q text) returns setof text language plpgsql stable security definer set search_path = '' as $f$
begin
  return query execute 'select body from public.notes where tenant_id = nullif(current_setting(''app.tenant_id'', true), '''') and body = $1' using q;
end $f$;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select find(''' or true --');
rollback;
