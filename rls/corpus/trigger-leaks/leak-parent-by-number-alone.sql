-- object: public.lines, public.count_lines()
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: canary-b \|\s+1

create table orders (
  tenant_id bigint not null,
  id bigint not null,
  note text,
  lines integer not null default 0,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert on orders to @app@;
create table lines (
  tenant_id bigint not null,
  order_id bigint not null,
  line integer not null,
  primary key (tenant_id, order_id, line),
  foreign key (tenant_id, order_id) references orders (tenant_id, id)
);
alter table lines enable row level security;
alter table lines force row level security;
create policy lines_tenant on lines
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert on lines to @app@;
create function count_lines() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.orders set lines = lines + 1 where id = new.order_id;
  return null;
end $$;
create trigger count_lines after insert on lines for each row execute function count_lines();

-- seed
insert into orders (tenant_id, id, note) values (@A@, 1, 'canary-a'), (@B@, 1, 'canary-b');

-- proof
set app.tenant_id = '@A@';
insert into lines (tenant_id, order_id, line) values (@A@, 1, 1);
set app.tenant_id = '@B@';
select note, lines from orders;
