export { type MemoryAudit, memoryAudit } from './audit.js'
export { type ManualClock, manualClock } from './clock.js'
export {
  type Behavior,
  type CallbackBehavior,
  type ServiceAnswer,
  type ServiceCallback,
  type ServiceEndpoint,
  type ServiceName,
  type ServiceOptions,
  type ServiceRequest,
  type ServiceTask,
  type SolverService,
  startSolverService,
  type TaskRequest,
} from './service/index.js'
export type { StandIn, StandInOptions } from './shared/stand-in.js'
export type { IssuedToken, TokenDetails, Verification } from './shared/tokens.js'
export { type SiteOptions, type SiteVendor, type SiteVendors, type StandInSite, startSite } from './site/index.js'
export {
  type StandInAddresses,
  type StandInServiceName,
  type StandInVendor,
  standInAddresses,
} from './stand-ins/addresses.js'
export { type StandIns, type StandInsOptions, startStandIns } from './stand-ins/start.js'
export {
  type StandInServer,
  type StandInServerOptions,
  type StandInWebServer,
  standInServer,
} from './stand-ins/web-server.js'
export { type AltchaOptions, type StandInAltcha, startAltcha } from './vendors/altcha/index.js'
export { type ArkoseBehavior, type StandInArkose, startArkose } from './vendors/arkose/index.js'
export { type AwsWafBehavior, type StandInAwsWaf, startAwsWaf } from './vendors/aws-waf/index.js'
export { type CapBehavior, type CapOptions, type StandInCap, startCap } from './vendors/cap/index.js'
export { type CaptchafoxBehavior, type StandInCaptchafox, startCaptchafox } from './vendors/captchafox/index.js'
export { type FriendlyBehavior, type StandInFriendly, startFriendly } from './vendors/friendly/index.js'
export {
  type GeetestBehavior,
  type GeetestDetails,
  type StandInGeetest,
  startGeetest,
} from './vendors/geetest/index.js'
export { type HcaptchaBehavior, type StandInHcaptcha, startHcaptcha } from './vendors/hcaptcha/index.js'
export { type MtcaptchaBehavior, type StandInMtcaptcha, startMtcaptcha } from './vendors/mtcaptcha/index.js'
export {
  type RecaptchaBehavior,
  type RecaptchaOptions,
  type StandInRecaptcha,
  startRecaptcha,
} from './vendors/recaptcha/index.js'
export {
  answerAsVendor,
  type RoutedVendor,
  type RouteTarget,
  routeVendors,
  type VendorReply,
  type VendorRequest,
  type VendorRoute,
  type VendorStandIn,
  type VendorUrls,
} from './vendors/route.js'
export { type StandInTurnstile, startTurnstile, type TurnstileBehavior } from './vendors/turnstile/index.js'
export { type StandInYandex, startYandex, type YandexBehavior } from './vendors/yandex/index.js'
