-- What is written goes through a trigger, which writes the session's tenant.
-- object: public.card
-- leak: no
-- context: guc
-- expect: not_of_b.*\s0\s

create table dishes (
  tenant_id uuid not null,
  slug text not null,
  price numeric not null,
  primary key (tenant_id, slug)
);
alter table dishes enable row level security;
create policy dishes_tenant on dishes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create view card with (security_barrier) as
  select slug, price from dishes where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
create function card_write() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.dishes (tenant_id, slug, price)
    values (nullif(current_setting('app.tenant_id', true), '')::uuid, new.slug, new.price)
    on conflict (tenant_id, slug) do update set price = excluded.price;
  return new;
end $$;
create trigger card_write instead of insert or update on card for each row execute function card_write();
grant select, insert, update on card to @app@;

-- seed
insert into dishes values ('@B@', 'soup', 5);

-- proof
set app.tenant_id = '@A@';
insert into card (slug, price) values ('soup', 99);
set app.tenant_id = '@B@';
select count(*) as not_of_b from card where price <> 5;
