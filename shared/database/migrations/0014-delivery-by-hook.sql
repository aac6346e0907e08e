-- Each hook is called by itself: what is to be told to one is found however much waits for another.
create index hook_delivery_of_hook on hook_delivery (url, due_at) where delivered_at is null;
