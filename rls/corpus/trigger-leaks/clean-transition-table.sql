-- The policies have held the rows that a transition table has.
-- object: public.feed_lines
-- leak: no
-- context: guc
-- expect: canary-b \|\s+10\n

create table offers (
  tenant_id uuid not null,
  ean text not null,
  note text,
  price int not null,
  primary key (tenant_id, ean)
);
alter table offers enable row level security;
create policy offers_tenant on offers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on offers to @app@;
create table feed_lines (
  tenant_id uuid not null,
  ean text not null,
  price int not null,
  primary key (tenant_id, ean)
);
alter table feed_lines enable row level security;
alter table feed_lines force row level security;
create policy feed_lines_tenant on feed_lines
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on feed_lines to @app@;
create function apply_feed() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  update public.offers o set price = n.price from fresh n where o.ean = n.ean and o.tenant_id = n.tenant_id and o.price <> n.price;
  return null;
end $$;
create trigger apply_feed after insert on feed_lines referencing new table as fresh
  for each statement execute function apply_feed();

-- seed
insert into offers (tenant_id, ean, note, price) values ('@A@', '40', 'canary-a', 10), ('@B@', '40', 'canary-b', 10);

-- proof
set app.tenant_id = '@A@';
insert into feed_lines (tenant_id, ean, price) values ('@A@', '40', 99);
set app.tenant_id = '@B@';
select note, price from offers;
