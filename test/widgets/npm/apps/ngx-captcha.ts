import '@angular/compiler'
import 'zone.js'
import { CommonModule } from '@angular/common'
import { Component, inject } from '@angular/core'
import { FormControl, FormGroup, ReactiveFormsModule } from '@angular/forms'
import { bootstrapApplication } from '@angular/platform-browser'
import { NgxCaptchaModule, ReCaptchaV3Service } from 'ngx-captcha'
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
  verified(n: number, token: string) {
    tell('verified', n, token)
  }
  submit(group: FormGroup) {
    return signIn('recaptcha', FIELD, group.value.captcha)
  }
}

/** The v3 service, without a widget. */
class ScoreForm {
  readonly #service = inject(ReCaptchaV3Service)
  async submit() {
    await signIn('recaptcha', FIELD, await this.#service.executeAsPromise(SITEKEY, 'login'))
  }
}

// Decorators are called as functions, so that TypeScript's compiler is enough.
const checkbox = () =>
  Component({
    selector: 'app-root',
    standalone: true,
    imports: [CommonModule, ReactiveFormsModule, NgxCaptchaModule],
    template: `<button type="button" id="toggle" (click)="shown = !shown">Form</button>
<ng-container *ngIf="shown"><form *ngFor="let form of forms" [formGroup]="form.group" (ngSubmit)="submit(form.group)">
<ngx-recaptcha2 #widget formControlName="captcha" [siteKey]="sitekey" (success)="verified(form.n, $event)">
</ngx-recaptcha2><button type="submit">Sign in</button>
<button type="button" (click)="widget.resetCaptcha()">Reset</button></form></ng-container>`,
  })(CheckboxForm)

const score = () =>
  Component({
    selector: 'app-root',
    standalone: true,
    imports: [NgxCaptchaModule],
    template: '<button type="button" (click)="submit()">Sign in</button>',
  })(ScoreForm)

root().append(document.createElement('app-root'))
bootstrapApplication(query.get('app') === 'score' ? score() : checkbox()).catch((error) =>
  tell('failed', String(error)),
)
