"""What connectors keep from call to call: values, numbers, lists and queues, for a while or for ever."""
