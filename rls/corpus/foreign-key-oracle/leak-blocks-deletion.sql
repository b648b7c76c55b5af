-- And B can no longer delete the book.
-- object: public.loans
-- leak: yes
-- context: guc
-- tenant: text
-- expect: INSERT 0 1.*23503

create table books (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (id)
);
alter table books enable row level security;
alter table books force row level security;
create policy books_tenant on books
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on books to @app@;
create table loans (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  book_id uuid not null references books on delete restrict,
  primary key (tenant_id, id)
);
alter table loans enable row level security;
alter table loans force row level security;
create policy loans_tenant on loans
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert on loans to @app@;

-- seed
insert into books (tenant_id, id, title) values ('@B@', '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into loans (tenant_id, book_id) values ('@A@', '00000000-0000-0000-0000-00000000000b');
insert into loans (tenant_id, book_id) values ('@A@', '00000000-0000-0000-0000-00000000000f');
rollback;
