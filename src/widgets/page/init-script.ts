// The init script: runs in every frame before the page's own scripts.
import { observe } from './install.js'

/** Given by the text that is wrapped around this script (src/widgets/calls.ts). */
declare const SOLVEGUARD_HOLD_MS: number

observe(SOLVEGUARD_HOLD_MS)
