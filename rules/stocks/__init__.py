"""What people state of the stock of sites, for their mass balance. Entries enter, changes of stock by day leave."""
