/** Lua by which the scripts count by the latest time that a caller has passed in, in place of the server's. */
export const CALLERS_TIME = `
clock, shift = max(floor(ARGV[2]), at), 0
`

/** Lua by which the scripts take the server's clock from the field `=` of the state, which a test sets. */
export const GIVEN_TIME = `
clock = tonumber(call('HGET', STATE, '='))
shift = ARGV[2] - clock
`
