"""From the recorder's weighings to the sessions in the database: a task of `haulwatch serve`."""
