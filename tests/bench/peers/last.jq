([.inputs.messages[]? | select(.role? == "user" or .type? == "human") | .content] | last) as $input |
select($input) | {run_id: .id, timestamp: .start_time, input: $input}
