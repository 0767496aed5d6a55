import { arkoseWatch } from '../families/arkose/page/watch.js'
import { awsWafWatch } from '../families/aws-waf/page/watch.js'
import { captchafoxWatch } from '../families/captchafox/page/watch.js'
import { geetestWatch } from '../families/geetest/page/watch.js'
import { hcaptchaWatch } from '../families/hcaptcha/page/watch.js'
import { recaptchaWatch } from '../families/recaptcha/page/watch.js'
import { turnstileWatch } from '../families/turnstile/page/watch.js'
import { yandexWatch } from '../families/yandex/page/watch.js'
import type { Watch } from '../page-kit/watcher.js'

/**
 * The families whose vendor's API is watched, a line each. They are in the init script, which runs in every frame of
 * every page: it has to stay small, so this table is not the one of `families.ts`.
 */
export const watches: readonly Watch[] = [
  recaptchaWatch,
  turnstileWatch,
  hcaptchaWatch,
  geetestWatch,
  awsWafWatch,
  arkoseWatch,
  captchafoxWatch,
  yandexWatch,
]
