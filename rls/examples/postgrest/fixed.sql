-- Rooms and bookings, in the style of PostgREST: a schema that is an API, claims in a setting.

create function claim(name text) returns text language sql stable as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name
$$;

create table rooms (
  hotel text not null,
  number int not null,
  beds int not null default 2,
  primary key (hotel, number)
);
create table bookings (
  hotel text not null,
  id uuid not null default gen_random_uuid(),
  number int not null,
  guest text not null,
  arrives date not null,
  departs date not null,
  primary key (hotel, id),
  foreign key (hotel, number) references rooms (hotel, number)
);
alter table rooms enable row level security;
alter table bookings enable row level security;
grant select on rooms to web_user;
grant select, insert, update on bookings to web_user;

create policy of_hotel on rooms to web_user using (hotel = claim('hotel'));
create policy of_hotel on bookings to web_user using (hotel = claim('hotel'));

create view occupancy with (security_invoker = true) as
  select hotel, number, count(*) as stays from bookings group by hotel, number;
grant select on occupancy to web_user;

create function find_guest(part text) returns setof bookings
language sql stable as $$
  select * from public.bookings where guest ilike '%' || part || '%'
$$;
