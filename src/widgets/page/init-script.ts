// The init script: runs in every frame before the page's own scripts.
import type { InitScriptVariables } from '../page-kit/protocol.js'
import { installObserver } from './install.js'

/** The text around this script declares it (src/widgets/calls.ts). */
declare const SOLVEGUARD_HOLD_MS: InitScriptVariables['SOLVEGUARD_HOLD_MS']

installObserver(SOLVEGUARD_HOLD_MS)
