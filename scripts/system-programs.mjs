// Installs the browsers and programs that tests and checks run, as Debian's packages and in one go. CI runs this beside
// npm's own installation. What it cannot install, the step that needs it installs, or names.
import { HEADLESS_SHELL } from './find-browser.mjs'
import { installPrograms, PROGRAMS } from './setup.mjs'

const chromium = process.env.CHROMIUM_PATH ? [] : ['chromium', HEADLESS_SHELL]
const firefox = process.env.FIREFOX_PATH ? [] : ['firefox-esr']
installPrograms([...new Set([...chromium, ...firefox, ...Object.values(PROGRAMS).flat(), 'systemd-analyze'])])
