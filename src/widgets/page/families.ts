/**
 * The families of widgets, a line each, under their names. Each is a script of its own (scripts/page-script.mjs), which
 * is sent to the pages that show its signs.
 */
export { altcha } from '../families/altcha/page/index.js'
export { arkose } from '../families/arkose/page/index.js'
export { awsWaf as 'aws-waf' } from '../families/aws-waf/page/index.js'
export { cap } from '../families/cap/page/index.js'
export { captchafox } from '../families/captchafox/page/index.js'
export { friendly } from '../families/friendly/page/index.js'
export { geetest } from '../families/geetest/page/index.js'
export { hcaptcha } from '../families/hcaptcha/page/index.js'
export { mtcaptcha } from '../families/mtcaptcha/page/index.js'
export { recaptcha } from '../families/recaptcha/page/index.js'
export { turnstile } from '../families/turnstile/page/index.js'
export { yandex } from '../families/yandex/page/index.js'
