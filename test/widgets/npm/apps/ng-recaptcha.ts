import '@angular/compiler'
import 'zone.js'
import { CommonModule } from '@angular/common'
import { Component, inject, NgModule } from '@angular/core'
import { FormControl, FormGroup, ReactiveFormsModule } from '@angular/forms'
import { BrowserModule, bootstrapApplication } from '@angular/platform-browser'
import { platformBrowserDynamic } from '@angular/platform-browser-dynamic'
import {
  RECAPTCHA_V3_SITE_KEY,
  ReCaptchaV3Service,
  type RecaptchaComponent,
  RecaptchaFormsModule,
  RecaptchaModule,
  RecaptchaV3Module,
} from 'ng-recaptcha'
import { query, root, SITEKEY, signIn, tell } from './site.js'

const FIELD = 'g-recaptcha-response'

/** A reactive form with the widget as one of its controls. */
class CheckboxForm {
  shown = !query.has('late')
  forms = Array.from({ length: Number(query.get('many') ?? 1) }, (_, n) => ({
    n,
    group: new FormGroup({ captcha: new FormControl<string | null>(null) }),
  }))
  sitekey = SITEKEY
  callbacks(n: number, token: string | null) {
    tell('resolved', n, token)
  }
  submit(group: FormGroup) {
    return signIn('recaptcha', FIELD, group.value.captcha)
  }
}

/** An invisible widget that the button executes. */
class InvisibleForm {
  sitekey = SITEKEY
  submit(widget: RecaptchaComponent) {
    widget.execute()
  }
  resolved(token: string | null) {
    tell('resolved', 0, token)
    return signIn('recaptcha', FIELD, token)
  }
}

/** The v3 service, without a widget. */
class ScoreForm {
  readonly #service = inject(ReCaptchaV3Service)
  submit() {
    this.#service.execute('login').subscribe((token) => void signIn('recaptcha', FIELD, token))
  }
}

// Decorators are called as functions, so that TypeScript's compiler is enough.

function checkbox(): Promise<unknown> {
  const app = Component({
    selector: 'app-root',
    standalone: true,
    imports: [CommonModule, ReactiveFormsModule, RecaptchaModule, RecaptchaFormsModule],
    template: `<button type="button" id="toggle" (click)="shown = !shown">Form</button>
<ng-container *ngIf="shown"><form *ngFor="let form of forms" [formGroup]="form.group" (ngSubmit)="submit(form.group)">
<re-captcha #widget="reCaptcha" formControlName="captcha" [siteKey]="sitekey" (resolved)="callbacks(form.n, $event)"></re-captcha>
<button type="submit">Sign in</button><button type="button" (click)="widget.reset()">Reset</button></form></ng-container>`,
  })(CheckboxForm)
  return bootstrapApplication(app)
}

function invisible(): Promise<unknown> {
  const app = Component({
    selector: 'app-root',
    standalone: true,
    imports: [RecaptchaModule],
    template: `<re-captcha #widget="reCaptcha" size="invisible" [siteKey]="sitekey" (resolved)="resolved($event)"></re-captcha>
<button type="button" (click)="submit(widget)">Sign in</button>`,
  })(InvisibleForm)
  return bootstrapApplication(app)
}

/** As a module, as in most apps with this package. */
function score(): Promise<unknown> {
  const form = Component({
    selector: 'app-root',
    template: '<button type="button" (click)="submit()">Sign in</button>',
  })(ScoreForm)
  const module = NgModule({
    declarations: [form],
    imports: [BrowserModule, RecaptchaV3Module],
    providers: [{ provide: RECAPTCHA_V3_SITE_KEY, useValue: SITEKEY }],
    bootstrap: [form],
  })(class {})
  return platformBrowserDynamic().bootstrapModule(module)
}

const apps: Readonly<Record<string, () => Promise<unknown>>> = { checkbox, invisible, score }

root().append(document.createElement('app-root'))
apps[query.get('app') ?? 'checkbox']?.().catch((error) => tell('failed', String(error)))
