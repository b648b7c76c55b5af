-- object: public.starts(text, text)
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on notes to @app@;
create function starts(t text, p text) returns boolean language plpgsql immutable cost 1 as $$
begin
  if left(t, length(p)) <> p then
    raise notice 'no: %', t;
  end if;
  return left(t, length(p)) = p;
end $$;
reset role;
alter function starts(text, text) leakproof;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select body from notes where starts(body, 'x');
rollback;
