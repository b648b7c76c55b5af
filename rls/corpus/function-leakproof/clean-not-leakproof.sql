-- object: public.has_text(text)
-- leak: no
-- context: guc
-- expect: looking at canary-a
-- never: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
reset role;
create function has_text(t text) returns boolean language plpgsql immutable cost 0.0001 as $$
begin
  raise notice 'looking at %', t;
  return t <> '';
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select note from orders where has_text(note);
rollback;
