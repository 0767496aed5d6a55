// What waits, for changes and for what a vendor's script draws late: it is sent with each wait, and before each
// solution is bought, and not with the first `find`, which has no use for it.
import { fillOnceDrawn, stopFilling } from '../page-kit/late-drawing.js'
import { ChangeWaiter } from './change-waiter.js'
import { KEY } from './install.js'
import type { ExtensibleMain } from './main.js'

const main = window[KEY]?.main as ExtensibleMain | undefined
main?.addWaiter((observer, dom) => new ChangeWaiter(observer, dom), { fillOnceDrawn, stopFilling })
