-- object: public.orders
-- leak: no
-- context: guc
-- expect: is empty

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
create function checked() returns trigger language plpgsql as $$
begin
  if new.note = '' then
    raise exception 'the note % is empty', new.id;
  end if;
  return new;
end $$;
create trigger checked before insert on orders for each row execute function checked();

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id, note) values ('@A@', '');
rollback;
