-- It runs when one state follows another, and takes the stock of every tenant.
-- object: public.picks, public.ship()
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: canary-b \|\s+7\n

create table stock (
  tenant_id bigint not null,
  sku text not null,
  note text,
  on_hand int not null,
  primary key (tenant_id, sku)
);
alter table stock enable row level security;
create policy stock_tenant on stock
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on stock to @app@;
create table picks (
  tenant_id bigint not null,
  number int not null,
  sku text not null,
  qty int not null check (qty > 0),
  status text not null default 'open' check (status in ('open', 'picked', 'shipped')),
  primary key (tenant_id, number)
);
alter table picks enable row level security;
alter table picks force row level security;
create policy picks_tenant on picks
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on picks to @app@;
create function ship() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.status = 'shipped' and old.status = 'picked' then
    update public.stock set on_hand = on_hand - new.qty where sku = new.sku;
  end if;
  return null;
end $$;
create trigger ship after update of status on picks for each row execute function ship();

-- seed
insert into stock (tenant_id, sku, note, on_hand) values (@A@, 'x-1', 'canary-a', 10), (@B@, 'x-1', 'canary-b', 10);
insert into picks (tenant_id, number, sku, qty, status) values (@A@, 1, 'x-1', 3, 'picked');

-- proof
set app.tenant_id = '@A@';
update picks set status = 'shipped';
set app.tenant_id = '@B@';
select note, on_hand from stock;
