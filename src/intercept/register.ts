/**
 * `solveguard/register`: `node --import solveguard/register app.js`, or `--require`. Calls to the services' hosts are
 * answered by a guard in this process or by a broker, whatever key they carry. Everything here is synchronous, and
 * nothing else is loaded before the first such call.
 */
import { patchChildren } from './children.js'
import { lazyHandler } from './handler.js'
import { createDestination } from './listener.js'
import { type Destination, patchConnections } from './patch.js'

/** The file may be loaded more than once in a thread: by `--import`, and by NODE_OPTIONS. */
const LOADED = Symbol.for('solveguard/register')

if (!(LOADED in globalThis)) {
  Object.defineProperty(globalThis, LOADED, { value: true })
  let destination: Destination | undefined
  const sockets = patchConnections(() => {
    destination ??= createDestination(lazyHandler(sockets))
    return destination
  })
  patchChildren(import.meta.filename)
}
