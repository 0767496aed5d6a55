/** The browsers of this machine, as the project's own scripts find them. */
export { CHROMIUM_FLAGS, findBrowser, noBrowser } from '../../scripts/find-browser.mjs'
