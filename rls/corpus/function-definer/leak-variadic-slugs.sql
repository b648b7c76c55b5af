-- object: public.pins(text[])
-- leak: yes
-- context: guc
-- expect: canary-b

create table rooms (
  tenant_id uuid not null,
  slug text not null check (slug = lower(slug)),
  pin text not null,
  primary key (tenant_id, slug)
);
alter table rooms enable row level security;
create policy rooms_tenant on rooms
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on rooms to @app@;
create function pins(variadic slugs text[]) returns table (slug text, pin text) language sql stable security definer
  set search_path = ''
  as $$ select r.slug, r.pin from public.rooms r where r.slug = any (slugs) and cardinality(slugs) between 1 and 10 $$;

-- seed
insert into rooms (tenant_id, slug, pin) values ('@A@', 'attic', 'canary-a'), ('@B@', 'cellar', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select * from pins('attic', 'cellar');
rollback;
