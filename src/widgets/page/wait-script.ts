// What waits for changes: it is sent with each wait, and not with the first `find`, which has no use for it.
import { ChangeWaiter } from './change-waiter.js'
import { KEY } from './install.js'
import type { Core } from './main.js'

const core = window[KEY]?.main as Core | undefined
core?.addWaiter((observer, dom) => new ChangeWaiter(observer, dom))
