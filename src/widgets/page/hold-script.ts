// Part of the init script where calls that answer by themselves are held for a solution.
import { holdClicks } from '../families/recaptcha/page/held-clicks.js'
import type { WindowKey } from '../page-kit/protocol.js'
import type { Observer } from '../page-kit/watcher.js'

const KEY = Symbol.for('solveguard' satisfies WindowKey)

holdClicks(() => Reflect.get(window, KEY) as Observer | undefined)
