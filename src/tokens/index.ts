/** Short-lived tokens, without a guard: `solveguard/tokens`. */
export { describeToken, type TokenDescription } from './describe.js'
export { type NarrowTokenOptions, narrowToken } from './narrow.js'
